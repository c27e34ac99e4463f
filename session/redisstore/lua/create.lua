-- tenant, id, instant at which it dies or "", fields and values
local tenant, id = ARGV[5], ARGV[6]
local s = {device = '', key = base .. 's:' .. id}
if used(id) then
	-- The client repeats a call whose answer was lost; its tag is the same then.
	return done(call('HGET', s.key, 'by') == ARGV[4] and 'ok' or 'exists')
end
for i = 8, #ARGV, 2 do
	s[ARGV[i]] = ARGV[i + 1]
end
local name, e = list(tenant), entries(s)
call('HSET', s.key, 'by', ARGV[4], unpack(ARGV, 8))
for _, entry in ipairs(e) do
	call('ZADD', name, 0, entry)
end
call('HINCRBY', mark, 'n' .. tenant, #e)
if ARGV[7] ~= '' then
	call('ZADD', base .. 'dies', ARGV[7], id)
end
return done('ok')
