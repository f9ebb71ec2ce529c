local fault = wrongType()
if fault then return fault end
local format = call('HGET', state, 'format')
if format and format ~= '1' then return redis.error_reply('FORMAT ' .. format) end
local length = call('XLEN', log)
local epoch = call('HGET', state, 'epoch')
if epoch and tonumber(call('HGET', state, 'count')) == length then return 0 end
local head = tonumber(call('HGET', state, 'head') or '0')
local last = call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
local first = call('XRANGE', log, '-', '+', 'COUNT', 1)[1]
if last then head = math.max(head, positionOf(last)) else call('DEL', ids, nexts, lasts) end
call('HSET', state, 'format', '1', 'head', digits(head), 'count', length,
  'first', digits(first and positionOf(first) or head + 1))
if not epoch then call('HSET', state, 'epoch', ARGV[1], 'time', '0', 'noticesFrom', '1', 'past', '') end
if length == 0 then
  call('DEL', notices)
  call('HSET', state, 'notices', '0', 'noticeBytes', '0', 'bytes', '0')
else
  call('HSETNX', state, 'notices', '0')
  call('HSETNX', state, 'noticeBytes', '0')
  call('HSETNX', state, 'bytes', length * overheadBytes)
end
return 1
