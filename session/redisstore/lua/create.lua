-- tenant, id, instant at which it dies or "", fields and values
local tenant, id = ARGV[5], ARGV[6]
local was = call('GET', base .. 'i:' .. id)
if was then
	-- The client repeats a call whose answer was lost; its tag is the same then.
	return answer(call('HGET', base .. 's:' .. was, 'by') == ARGV[4] and 'ok' or 'exists')
end
local s = {q = string.format('%.0f', call('HINCRBY', mark, 'seq', 1)), device = ''}
for i = 8, #ARGV, 2 do
	s[ARGV[i]] = ARGV[i + 1]
end
local name, e = list(tenant), entries(s)
call('SET', base .. 'i:' .. id, s.q)
call('HSET', base .. 's:' .. s.q, 'by', ARGV[4], unpack(ARGV, 8))
for _, entry in ipairs(e) do
	call('ZADD', name, 0, entry)
end
call('HINCRBY', mark, 'n' .. tenant, #e)
if ARGV[7] ~= '' then
	call('ZADD', base .. 'dies', ARGV[7], s.q)
end
return answer('ok')
