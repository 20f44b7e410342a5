import Glibc

/// How many files the process may have open.
enum OpenFiles {
    /// Files that the process may have open now.
    static var limit: Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else { return 1024 }
        return Int(clamping: limit.rlim_cur)
    }

    /// Goes up to the hard limit. Connections, partitions and tailed files are one each; the usual soft limit of 1,024
    /// stands for the sake of programs that use select(2) only.
    static func raiseLimit() {
        let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(files, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        // Not being allowed to is no reason not to run: who meets the limit says so.
        setrlimit(files, &limit)
    }
}
