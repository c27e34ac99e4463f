-- tenant, prefix, place before which it goes on, most
local found = call('ZREVRANGEBYLEX', list(ARGV[5]), '(' .. ARGV[6] .. ARGV[7], '(' .. ARGV[6], 'LIMIT', 0, ARGV[8])
local sessions, last = {}, ''
for i, entry in ipairs(found) do
	sessions[i] = values(load(string.format('%.0f', tonumber(string.sub(entry, -16), 16))))
end
if #found == tonumber(ARGV[8]) then
	last = string.sub(found[#found], -32)
end
return answer(last, sessions)
