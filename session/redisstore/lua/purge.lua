-- instant before which a session must be dead, most to look at
local found, n = call('ZRANGEBYSCORE', base .. 'dies', '-inf', '(' .. ARGV[5], 'LIMIT', 0, ARGV[6]), 0
for _, first in ipairs(found) do
	local s = listed(first)
	local dead = dies(s)
	if dead < tonumber(ARGV[5]) then
		local name, e = list(s.tenant), entries(s)
		call('DEL', s.key, base .. 'i:' .. s.id)
		call('ZREM', name, unpack(e))
		call('ZREM', base .. 'dies', first)
		if call('HINCRBY', mark, 'n' .. s.tenant, -#e) == 0 then
			call('HDEL', mark, 'n' .. s.tenant)
		end
		n = n + 1
	else -- it has been used since; a server that is full lets nothing begin by adding
		call('ZREM', base .. 'dies', first)
		call('ZADD', base .. 'dies', dead, first)
	end
end
return done(tostring(n), tostring(#found))
