local found = { call('HGET', state, 'head') or '0' }
for _, name in ipairs(call('ZRANGEBYLEX', names, ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])) do
  found[#found + 1], found[#found + 2] = name, call('HGET', marks, name) or ''
end
return found
