-- POST of a body to one path; `{n}` in the body is a number that no other request has, words in `{hot|cold}` take turns.
-- Arguments: the path, the body, the token (or nothing), a first number.

function init(args)
    path, body, number = args[1], args[2], tonumber(args[4])
    if args[3] ~= "" then
        wrk.headers["Authorization"] = "Bearer " .. args[3]
    end
    wrk.headers["Content-Type"] = "application/json"
end

local function in_turn(words)
    local all = {}
    for word in words:gmatch("[^|]+") do
        all[#all + 1] = word
    end
    return all[number % #all + 1]
end

function request()
    number = number + 1
    local numbered = body:gsub("{n}", string.format("%d", number))
    return wrk.format("POST", path, nil, (numbered:gsub("{(%w+|[%w|]+)}", in_turn)))
end
