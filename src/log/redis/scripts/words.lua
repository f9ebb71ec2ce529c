-- What every script of this folder begins with. `longId` and `overheadBytes` stand before it (scripts.ts).
local state, log, ids, nexts, lasts, marks, names, once, due, notices = unpack(KEYS, 1, 10)
local call = redis.call
local function digits(n) return string.format('%.0f', n) end
local function wrongType()
  local kinds = { 'hash', 'stream', 'hash', 'hash', 'hash', 'hash', 'zset', 'hash', 'zset', 'list', 'string' }
  for i = 1, #KEYS do
    local found = call('TYPE', KEYS[i]).ok
    if found ~= 'none' and found ~= kinds[i] then
      return redis.error_reply('WRONGTYPE the key ' .. KEYS[i] .. ' holds a ' .. found .. ', expected a ' .. kinds[i])
    end
  end
end
local function clock()
  local now = call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end
local function idOf(r)
  if not r or #r < 19 then return '' end
  local at = 19 + 2 * (r:byte(18) * 256 + r:byte(19))
  return r:sub(at + 1, at + r:byte(13) * 256 + r:byte(14))
end
local function keyOf(id)
  if #id > longId then return '#' .. redis.sha1hex(id) end
  return id
end
local function costOf(r) return #r + 2 * math.min(#idOf(r), longId) + overheadBytes end
local function isNotice(r) return #r > 5 and math.floor(r:byte(6) / 2) % 4 > 0 end
local function fieldsOf(entry)
  local t, r
  for i = 1, #entry[2], 2 do
    if entry[2][i] == 't' then t = entry[2][i + 1] elseif entry[2][i] == 'r' then r = entry[2][i + 1] end
  end
  return tonumber(t) or 0, r or ''
end
local function positionOf(entry) return tonumber(entry[1]:match('^%d+')) end
local function forgetId(r, position)
  local key = keyOf(idOf(r))
  if key == '' then return end
  if tonumber(call('HGET', ids, key) or '-1') ~= position then return end
  local following = call('HGET', nexts, digits(position))
  if not following then call('HDEL', ids, key) return end
  call('HSET', ids, key, following)
  call('HDEL', nexts, digits(position))
  if call('HGET', lasts, key) == following then call('HDEL', lasts, key) end
end
