-- What every script of wrk here ends with: one line of JSON, times in microseconds.

local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function done(summary, latency, requests)
    local e = summary.errors
    local odd = 0
    for _, thread in ipairs(threads) do
        -- Answers below 400 that a script counts as failures all the same.
        odd = odd + (thread:get("odd") or 0)
    end
    io.write(string.format(
        '{"requests": %d, "microseconds": %d, "errors": %d, "p50": %d, "p95": %d, "p99": %d}\n',
        summary.requests, summary.duration, e.connect + e.read + e.write + e.timeout + e.status + odd,
        latency:percentile(50), latency:percentile(95), latency:percentile(99)))
end

function lines_of(file)
    local found = {}
    for line in io.lines(file) do
        table.insert(found, line)
    end
    return found
end
