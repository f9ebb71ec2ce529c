local fault = wrongType()
if fault then return fault end
local mostUpdates, mostBytes, cutoff, mostNotices, mostNoticeBytes, limit, room =
  tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local s = call('HMGET', state, 'epoch', 'head', 'first', 'bytes', 'count', 'notices', 'noticeBytes', 'noticesFrom')
if not s[1] then return 0 end
local head, first, bytes, count, noticeCount, noticeBytes, noticesFrom =
  tonumber(s[2]), tonumber(s[3]), tonumber(s[4]), tonumber(s[5]), tonumber(s[6]), tonumber(s[7]), tonumber(s[8])
local dropped, isDone = 0, 1
local function drop(r, position)
  forgetId(r, position)
  count, dropped, room = count - 1, dropped + 1, room - #r
  if isNotice(r) then
    noticeCount, noticeBytes = math.max(0, noticeCount - 1), math.max(0, noticeBytes - costOf(r))
    noticesFrom = math.max(noticesFrom, position + 1)
  else
    bytes = math.max(0, bytes - costOf(r))
  end
end
while true do
  if dropped >= limit or room <= 0 then isDone = 0 break end
  local entry = call('XRANGE', log, digits(first) .. '-0', '+', 'COUNT', 1)[1]
  if not entry then
    first, count, bytes, noticeCount, noticeBytes = head + 1, 0, 0, 0, 0
    call('DEL', notices)
    break
  end
  local t, r = fieldsOf(entry)
  if not ((mostUpdates > 0 and count - noticeCount > mostUpdates)
    or (mostBytes > 0 and bytes > mostBytes) or (cutoff > 0 and t < cutoff)) then break end
  local position = positionOf(entry)
  if isNotice(r) and call('LINDEX', notices, 0) == digits(position) then call('LPOP', notices) end
  drop(r, position)
  first = position + 1
end
if dropped > 0 then call('XTRIM', log, 'MINID', digits(first) .. '-0') end
while noticeCount > mostNotices or noticeBytes > mostNoticeBytes do
  if dropped >= limit or room <= 0 then isDone = 0 break end
  local position = call('LPOP', notices)
  if not position then noticeCount, noticeBytes = 0, 0 break end
  local entry = call('XRANGE', log, position .. '-0', position .. '-0')[1]
  if entry then
    local _, r = fieldsOf(entry)
    call('XDEL', log, position .. '-0')
    drop(r, tonumber(position))
  end
end
if digits(first) ~= s[3] or dropped > 0 then
  call('HSET', state, 'first', digits(first), 'bytes', digits(bytes), 'count', digits(math.max(0, count)),
    'notices', digits(noticeCount), 'noticeBytes', digits(noticeBytes), 'noticesFrom', digits(math.max(noticesFrom, first)))
end
local over = call('ZRANGEBYSCORE', due, '-inf', digits(clock()), 'LIMIT', 0, limit)
for _, key in ipairs(over) do
  call('ZREM', due, key)
  call('HDEL', once, key)
end
if #over == limit then isDone = 0 end
return isDone
