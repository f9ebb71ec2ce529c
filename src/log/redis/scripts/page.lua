local from, upTo, most, room = tonumber(ARGV[1]) + 1, ARGV[2] .. '-0', tonumber(ARGV[3]), tonumber(ARGV[4])
local s = call('HMGET', state, 'first', 'noticesFrom')
local found, count = { s[1] or '1', s[2] or '1' }, 0
while count < most and room > 0 do
  local entries = call('XRANGE', log, digits(from) .. '-0', upTo, 'COUNT', math.min(16, most - count))
  if #entries == 0 then break end
  for _, entry in ipairs(entries) do
    local t, r = fieldsOf(entry)
    room = room - #r
    if room < 0 and count > 0 then break end
    count = count + 1
    found[#found + 1], found[#found + 2], found[#found + 3] = digits(positionOf(entry)), digits(t), r
    from = positionOf(entry) + 1
  end
end
return found
