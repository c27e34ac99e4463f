-- tenant, id, next id, instant
local s, next = find(ARGV[5], ARGV[6]), ARGV[7]
if not s then
	-- The client repeats a call whose answer was lost; its tag is the same then.
	local renewed = find(ARGV[5], next)
	return done(renewed and call('HGET', renewed.key, 'by') == ARGV[4] and 'ok' or 'none')
elseif not live(s, ARGV[8]) then
	return done('ended')
elseif used(next) then
	return done('exists')
end
call('DEL', base .. 'i:' .. s.id)
call('SET', base .. 'i:' .. next, s.first)
call('HSET', s.key, 'id', next, 'by', ARGV[4])
if tonumber(ARGV[8]) > tonumber(s.seen) then
	call('HSET', s.key, 'seen', ARGV[8])
end
counted()
return done('ok')
