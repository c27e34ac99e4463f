-- tenant, id, next id, instant
local s, taken = find(ARGV[5], ARGV[6]), call('GET', base .. 'i:' .. ARGV[7])
if not s then
	-- The client repeats a call whose answer was lost; its tag is the same then.
	local done = taken and call('HGET', base .. 's:' .. taken, 'by') == ARGV[4]
	return answer(done and 'ok' or 'none')
elseif not live(s, ARGV[8]) then
	return answer('ended')
elseif taken then
	return answer('exists')
end
if s.first ~= ARGV[6] then -- by which it is ended, and not found
	call('DEL', base .. 'i:' .. ARGV[6])
end
call('SET', base .. 'i:' .. ARGV[7], s.q)
call('HSET', base .. 's:' .. s.q, 'id', ARGV[7], 'by', ARGV[4])
if tonumber(ARGV[8]) > tonumber(s.seen) then
	call('HSET', base .. 's:' .. s.q, 'seen', ARGV[8])
end
counted()
return answer('ok')
