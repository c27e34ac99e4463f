-- tenant, id
primary()
local s = find(ARGV[5], ARGV[6])
if not s then
	return answer('none')
end
return answer('ok', values(s))
