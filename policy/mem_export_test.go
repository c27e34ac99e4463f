package policy

// Watching returns how many Watch calls m serves.
func (m *MemStore) Watching() int {
	m.watching.RLock()
	defer m.watching.RUnlock()
	return len(m.watchers)
}
