-- GET of paths at random. Arguments: a file of paths, the token, a seed.

function init(args)
    math.randomseed(tonumber(args[3]))
    wrk.headers["Authorization"] = "Bearer " .. args[2]
    requests = {}
    for _, path in ipairs(lines_of(args[1])) do
        table.insert(requests, wrk.format("GET", path))
    end
end

function request()
    return requests[math.random(#requests)]
end
