local fault = wrongType()
if fault then return fault end
if call('HGET', state, 'epoch') ~= ARGV[1] then return 0 end
call('HSET', state, 'epoch', ARGV[2], 'past', ARGV[3])
return 1
