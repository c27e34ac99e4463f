-- tenant, id with which a session began
local s = named(ARGV[5], ARGV[6])
if not s or s.first ~= ARGV[6] then
	return answer('none')
end
return answer('ok', values(s))
