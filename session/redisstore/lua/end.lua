-- tenant, id, instant or "", why
local s = named(ARGV[5], ARGV[6])
if not s then
	return done('none')
elseif s.open then
	if s.ended ~= '' then -- by a cut, which came first
		finish(s, s.ended, s.why)
	else
		finish(s, ARGV[7], ARGV[8])
	end
	counted()
end
return done('ok')
