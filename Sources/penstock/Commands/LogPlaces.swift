import CommitLog
import Glibc
import Settings

/// Which files the `log` commands look at.
struct LogPlaces {
    var places: [String] = []
    var data: Directory?

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.option(
            "data", &data,
            "The data directory whose topics are meant; without it a name is first taken for a path, then for a topic "
                + "of \(Directory.standard.path).")
        walker.argument(
            "places", &places, shown: "FILE|DIRECTORY|TOPIC", .required,
            "A file of a log, a partition's directory, a data directory, a topic or one of its partitions (web-3).")
    }

    func find() throws -> [InspectedPlace] { try places.map(place) }

    private func place(_ name: String) throws -> InspectedPlace {
        let isPath = name.contains("/") || (data == nil && access(name, F_OK) == 0)
        if isPath { return try InspectedPlace.at(name) }
        let root = (data ?? .standard).path
        guard access(root, F_OK) == 0 else {
            let reason = String(cString: strerror(errno))
            throw Failure(
                data == nil
                    ? "cannot find \(name.quoted): there is no such file, and no data directory \(root) with such a "
                        + "topic; name a path, or a data directory with --data"
                    : "cannot open the data directory \(root): \(reason)")
        }
        if let place = try InspectedPlace.topic(name, in: root) { return place }
        throw Failure(
            "cannot find \(name.quoted): it is no file here, and \(root) has no topic of that name; `penstock topics "
                + "list --data \(root)` lists them, and --data names another data directory")
    }

    /// Says on stderr if a process works on what is looked at: then it is a picture of no one moment.
    static func warnIfInUse(_ places: [InspectedPlace]) {
        for root in Set(places.compactMap { $0.dataDirectory() }).sorted() where isLocked(root) {
            Console.err.line(
                "a process works on the data directory \(root): what is written meanwhile may look unfinished")
        }
    }

    private static func isLocked(_ root: String) -> Bool {
        let descriptor = open(root + "/.lock", O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var request = flock()
        request.l_type = Int16(F_WRLCK)
        request.l_whence = Int16(SEEK_SET)
        // F_OFD_GETLK, which the Glibc module hides: asks, and takes no lock.
        return fcntl(descriptor, 36, &request) == 0 && request.l_type != Int16(F_UNLCK)
    }
}
