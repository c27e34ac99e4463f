-- tenant, id, instant, address or "", country
local s = find(ARGV[5], ARGV[6])
if not s then
	return done('none')
elseif not live(s, ARGV[7]) then
	return done('ended')
elseif tonumber(ARGV[7]) >= tonumber(s.seen) then -- else it comes late
	call('HSET', s.key, 'seen', ARGV[7])
	if ARGV[8] ~= '' then
		call('HSET', s.key, 'addr', ARGV[8], 'country', ARGV[9])
	end
end
return done('ok')
