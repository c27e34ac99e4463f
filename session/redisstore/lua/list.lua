-- tenant, prefix, place before which it goes on, most; id that one began with or ""
primary()
if ARGV[9] ~= '' then
	local s = load(ARGV[9])
	return answer('', {s and s.tenant == ARGV[5] and values(s) or nil})
end
local found = call('ZREVRANGEBYLEX', list(ARGV[5]), '(' .. ARGV[6] .. ARGV[7], '(' .. ARGV[6], 'LIMIT', 0, ARGV[8])
local sessions, last = {}, ''
for i, entry in ipairs(found) do
	sessions[i] = values(listed(string.sub(entry, -32)))
end
if #found == tonumber(ARGV[8]) then
	last = string.sub(found[#found], -48)
end
return answer(last, sessions)
