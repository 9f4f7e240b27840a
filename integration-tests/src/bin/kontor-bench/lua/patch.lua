-- PATCH with If-Match: each record waits in a queue while nobody changes it, with the etag it has now. Arguments: a file
-- of ids and etags, the token, a first number.

function init(args)
    wrk.headers["Authorization"] = "Bearer " .. args[2]
    wrk.headers["Content-Type"] = "application/merge-patch+json"
    number = tonumber(args[3])
    queue, first, last = {}, 1, 0
    for _, line in ipairs(lines_of(args[1])) do
        local id, etag = line:match("^(%S+) (.*)$")
        last = last + 1
        queue[last] = { id, etag }
    end
end

function request()
    local record = queue[first]
    queue[first] = nil
    first = first + 1
    number = number + 1
    wrk.headers["If-Match"] = record[2]
    local body = string.format('{"title": "Number %d"}', number)
    return wrk.format("PATCH", "/api/v1/leads/" .. record[1], nil, body)
end

function response(status, headers, body)
    if status == 200 then
        last = last + 1
        queue[last] = { body:match('"id":%s*"([^"]+)"'), headers["ETag"] or headers["etag"] }
    end
end
