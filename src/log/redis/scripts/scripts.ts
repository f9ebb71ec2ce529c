import { createHash } from 'node:crypto'
import { longId } from '../keys.ts'

/**
 * The scripts that run inside Redis, each one step that nobody comes between.
 *
 * A script is isolated but not rolled back: each looks at the type of every key and at all it was given
 * before its first write. The keys are those of `keysOf`, in its order; positions are in decimal digits.
 */
export interface Script {
  readonly source: string
  readonly sha: string
}

/** Bytes of stream node, index and expiry beside an entry's text (estimated). */
const overheadBytes = 180

function script(flags: string, body: string): Script {
  const source = `#!lua${flags}\n${body}`
  return { source, sha: createHash('sha1').update(source).digest('hex') }
}

const words = `
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
  if #id > ${longId} then return '#' .. redis.sha1hex(id) end
  return id
end
local function costOf(r) return #r + 2 * math.min(#idOf(r), ${longId}) + ${overheadBytes} end
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
`

/** Begins a history where there is none; mends what says where it stands when the stream was changed by hand. */
export const begin = script(
  ' flags=allow-oom',
  `${words}
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
  call('HSETNX', state, 'bytes', length * ${overheadBytes})
end
return 1
`,
)

/**
 * ARGV: epoch, newest position known, milliseconds that the token is kept, most keys, most marks, then
 * for each append: updates, once (key, fingerprint, window, ids), how many marks, each (name, 1 and from, 1 and to), records.
 */
export const append = script(
  '',
  `${words}
local fault = wrongType()
if fault then return fault end
local s = call('HMGET', state, 'epoch', 'head', 'time', 'bytes', 'count', 'notices', 'first', 'noticeBytes')
if s[1] ~= ARGV[1] then return { 'EPOCH' } end
local head, bytes, count, noticeCount, first, noticeBytes =
  tonumber(s[2]), tonumber(s[4]), tonumber(s[5]), tonumber(s[6]), tonumber(s[7]), tonumber(s[8])
if head < tonumber(ARGV[2]) then return { 'BEHIND' } end
if count ~= call('XLEN', log) then return { 'CHANGED' } end
local ttl, mostKeys, mostMarks = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
local before = call('GET', KEYS[11])
if before then
  call('PEXPIRE', KEYS[11], ttl)
  return cmsgpack.unpack(before)
end
local now = clock()
local time = math.max(tonumber(s[3]), now)
local outcomes, lastId = {}, nil

local function add(record)
  head = head + 1
  local position, id = digits(head), idOf(record)
  local key = keyOf(id)
  call('XADD', log, position .. '-0', 't', digits(time), 'r', record)
  local known = call('HGET', ids, key)
  if not known or tonumber(known) < first then
    call('HSET', ids, key, position)
  else
    call('HSET', nexts, call('HGET', lasts, key) or known, position)
    call('HSET', lasts, key, position)
  end
  count, lastId = count + 1, id
  if isNotice(record) then
    call('RPUSH', notices, position)
    noticeCount, noticeBytes = noticeCount + 1, noticeBytes + costOf(record)
  else
    bytes = bytes + costOf(record)
  end
end

local at = 6
while at <= #ARGV do
  local updates, key, fingerprint, window, answered = tonumber(ARGV[at]), ARGV[at + 1], ARGV[at + 2], tonumber(ARGV[at + 3]), ARGV[at + 4]
  local changes = tonumber(ARGV[at + 5])
  local marksAt = at + 6
  at = marksAt + 5 * changes
  local outcome
  local isNewKey = false
  if key ~= '' then
    local found = call('HGET', once, key)
    isNewKey = not found
    if found then
      local theirs, untilMs, position, theirIds = cmsgpack.unpack(found)
      if untilMs > now then
        if theirs ~= fingerprint then outcome = 'c' else outcome = 'r' .. position .. ':' .. theirIds end
      end
    end
    if not outcome and isNewKey and call('ZCARD', due) >= mostKeys then outcome = 'f' end
  end
  local marked, sets = {}, false
  if not outcome then
    for i = marksAt, at - 1, 5 do
      local name, from, to = ARGV[i], ARGV[i + 1] == '1' and ARGV[i + 2], ARGV[i + 3] == '1' and ARGV[i + 4]
      local current = marked[name]
      if current == nil then current = call('HGET', marks, name) or false end
      if current ~= from then outcome = 'x' break end
      marked[name] = to
      sets = sets or to ~= false
    end
    if not outcome and sets and call('HLEN', marks) + changes > mostMarks then outcome = 'm' end
  end
  if not outcome then
    for i = 0, updates - 1 do add(ARGV[at + i]) end
    if key ~= '' then
      call('HSET', once, key, cmsgpack.pack(fingerprint, now + window, digits(head), answered))
      call('ZADD', due, digits(now + window), key)
    end
    for name, to in pairs(marked) do
      if to then
        call('HSET', marks, name, to)
        call('ZADD', names, 0, name)
      else
        call('HDEL', marks, name)
        call('ZREM', names, name)
      end
    end
    outcome = 's' .. digits(head)
  end
  outcomes[#outcomes + 1] = outcome
  at = at + updates
end
if lastId then
  call('HSET', state, 'head', digits(head), 'time', digits(time), 'bytes', digits(bytes),
    'count', digits(count), 'notices', digits(noticeCount), 'noticeBytes', digits(noticeBytes), 'lastId', lastId)
end
local answer = { 'OK', digits(time), outcomes, digits(head), digits(count), digits(bytes), call('ZCARD', due), call('HLEN', marks), digits(noticeCount), digits(noticeBytes) }
call('SET', KEYS[11], cmsgpack.pack(answer), 'PX', ttl)
return answer
`,
)

/**
 * ARGV: updates at most, their bytes at most, entries before this time go, notices at most, their bytes at
 * most (0: no limit), how many to drop and keys to forget in this step, payload bytes to look at.
 */
export const trim = script(
  ' flags=allow-oom',
  `${words}
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
`,
)

/** Where the history stands. ARGV: a position, whose time and checksum come along when it is kept. */
export const look = script(
  ' flags=no-writes',
  `${words}
local s = call('HMGET', state, 'epoch', 'head', 'first', 'bytes', 'count', 'time', 'lastId', 'past', 'format', 'notices', 'noticeBytes', 'noticesFrom')
local entry = call('XRANGE', log, ARGV[1] .. '-0', ARGV[1] .. '-0')[1]
local t, r = 0, ''
if entry then t, r = fieldsOf(entry) end
return { s[1] or '', s[2] or '0', s[3] or '1', s[4] or '0', s[5] or '0', s[7] or '', s[8] or '',
  call('ZCARD', due), call('HLEN', marks), entry and digits(t) or '', r:sub(2, 5), digits(clock()), call('XLEN', log), s[9] or '',
  s[10] or '0', s[11] or '0', s[12] or '1' }
`,
)

/**
 * The entries after a position: the first position kept, the first from which all notices are kept, then
 * id, time and record of each.
 *
 * ARGV: after, up to, most entries, most bytes of records (one entry is always handed over).
 */
export const page = script(
  ' flags=no-writes',
  `${words}
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
`,
)

/** Marks by name, and the head they are exact for. ARGV: the range of names as ZRANGEBYLEX takes it, how many. */
export const list = script(
  ' flags=no-writes',
  `${words}
local found = { call('HGET', state, 'head') or '0' }
for _, name in ipairs(call('ZRANGEBYLEX', names, ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])) do
  found[#found + 1], found[#found + 2] = name, call('HGET', marks, name) or ''
end
return found
`,
)

/** Names the history anew, because what was read after ARGV[3] is not in it any more. ARGV: epoch, new epoch, position, past. */
export const renew = script(
  ' flags=allow-oom',
  `${words}
local fault = wrongType()
if fault then return fault end
if call('HGET', state, 'epoch') ~= ARGV[1] then return 0 end
call('HSET', state, 'epoch', ARGV[2], 'past', ARGV[3])
return 1
`,
)

export const scripts = [begin, append, trim, look, page, list, renew]
