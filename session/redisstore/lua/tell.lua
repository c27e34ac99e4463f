-- channel, fields and values
call('XADD', base .. 'told', 'MAXLEN', '~', 10000, '*', unpack(ARGV, 6))
call('PUBLISH', ARGV[5], '')
return answer()
