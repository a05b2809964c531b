#!lua
-- Brings the reviews of parcels forward to now: what the user says of them has changed. ARGV: parcel...
-- Only of parcels that were judged before: a new one is judged at its first look. Returns how many.
local moved = 0
for _, parcel in ipairs(ARGV) do
  if redis.call('HEXISTS', P .. 'p:' .. parcel, 'ver') == 1 then
    redis.call('ZADD', P .. 'reviews', now, parcel)
    moved = moved + 1
  end
end
return moved
