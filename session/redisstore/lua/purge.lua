-- instant before which a session must be dead, most to look at
local found, n = call('ZRANGEBYSCORE', base .. 'dies', '-inf', '(' .. ARGV[5], 'LIMIT', 0, ARGV[6]), 0
for _, q in ipairs(found) do
	local s = load(q)
	local dead = dies(s)
	if dead < tonumber(ARGV[5]) then
		local name, e = list(s.tenant), entries(s)
		call('DEL', base .. 'i:' .. s.id, base .. 'i:' .. s.first, base .. 's:' .. q)
		call('ZREM', name, unpack(e))
		call('ZREM', base .. 'dies', q)
		if call('HINCRBY', mark, 'n' .. s.tenant, -#e) == 0 then
			call('HDEL', mark, 'n' .. s.tenant)
		end
		n = n + 1
	else -- it has been used since
		call('ZADD', base .. 'dies', dead, q)
	end
end
return answer(tostring(n), tostring(#found))
