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
