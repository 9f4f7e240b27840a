-- POST of a body to one path; `{n}` in the body is a number that no other request has. Arguments: the path, the body, the
-- token (or nothing), a first number.

function init(args)
    path, body, number = args[1], args[2], tonumber(args[4])
    if args[3] ~= "" then
        wrk.headers["Authorization"] = "Bearer " .. args[3]
    end
    wrk.headers["Content-Type"] = "application/json"
end

function request()
    number = number + 1
    return wrk.format("POST", path, nil, (body:gsub("{n}", string.format("%d", number))))
end
