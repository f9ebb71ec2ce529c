local s = call('HMGET', state, 'epoch', 'head', 'first', 'bytes', 'count', 'time', 'lastId', 'past', 'format', 'notices', 'noticeBytes', 'noticesFrom')
local entry = call('XRANGE', log, ARGV[1] .. '-0', ARGV[1] .. '-0')[1]
local t, r = 0, ''
if entry then t, r = fieldsOf(entry) end
return { s[1] or '', s[2] or '0', s[3] or '1', s[4] or '0', s[5] or '0', s[7] or '', s[8] or '',
  call('ZCARD', due), call('HLEN', marks), entry and digits(t) or '', r:sub(2, 5), digits(clock()), call('XLEN', log), s[9] or '',
  s[10] or '0', s[11] or '0', s[12] or '1' }
