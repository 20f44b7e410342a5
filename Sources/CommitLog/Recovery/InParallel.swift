import Glibc
import Platform

/// Runs `body` for each number below `count` and returns the results in that order.
/// - Parameter threads: at most so many at once; 1 runs everything on this thread, in order.
func inParallel<Result: Sendable>(
    _ count: Int, threads: Int, _ body: @escaping @Sendable (Int) -> Result
) -> [Result] {
    // Few enough that threads seldom meet, many enough that none is left alone with the rest.
    let chunk = 8
    guard threads > 1, count > chunk else { return (0..<count).map(body) }
    let next = Lock(0)
    let done = Lock<[(first: Int, results: [Result])]>([])
    let workers = (0..<min(threads, (count + chunk - 1) / chunk)).map { number in
        Thread(name: "open-\(number)") {
            while true {
                let first = next.withLock { next in
                    defer { next += chunk }
                    return next
                }
                guard first < count else { return }
                let results = (first..<min(count, first + chunk)).map(body)
                done.withLock { $0.append((first, results)) }
            }
        }
    }
    for worker in workers { worker.join() }
    return done.withLock { $0.sorted { $0.first < $1.first }.flatMap(\.results) }
}

/// The processors that are there.
func processorCount() -> Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
