-- entry after which it looks, or "" at first; the line on which that is; most
primary()
local after = ARGV[5]
if after == '' or ARGV[6] ~= line then -- what was told in the last minutes may have been missed
	after = string.format('%.0f-0', math.max(0, tonumber(call('TIME')[1]) - ARGV[8]) * 1000)
end
local found = call('XRANGE', base .. 'told', '(' .. after, '+', 'COUNT', ARGV[7])
if #found == 0 then
	-- A server whose clock is behind gives lower numbers than the one before it.
	local newest = call('XREVRANGE', base .. 'told', '+', '-', 'COUNT', 1)[1]
	after = newest and newest[1] or '0-0'
end
return answer(after, line, found)
