-- Converts leads, each once, and waits for the end. Arguments: a file of ids, the token.

function init(args)
    wrk.headers["Authorization"] = "Bearer " .. args[2]
    wrk.headers["Content-Type"] = "application/json"
    ids, at, odd = lines_of(args[1]), 0, 0
end

function request()
    at = at + 1
    -- There are none left: what is asked for now is no conversion.
    local id = ids[at] or "none-left"
    return wrk.format("POST", "/api/v1/leads/" .. id .. "/convert", nil, '{"wait_seconds": 30}')
end

function response(status, headers, body)
    -- 202: it was still running.
    if status == 202 then
        odd = odd + 1
    end
end
