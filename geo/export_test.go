package geo

// ReadUnchanged is here because no real file changes at the moment that a test
// needs.
var ReadUnchanged = readUnchanged

// RecordCode returns the code of the country in the record at offset of file,
// and whether it is a record and has one.
func RecordCode(file []byte, offset uintptr) (code string, ok, isRecord bool, err error) {
	m, err := readMMDB(file)
	if err != nil {
		return "", false, false, err
	}
	b, ok, err := m.records.code(uint(offset))
	if err == errNoMap {
		return "", false, false, nil
	}
	return string(b), ok, true, err
}
