import CommitLog
import Pipelines
import Platform

// Files are renamed while one looks at them: a listing is no picture of one moment.
extension TailSource {
    enum Sighting {
        /// What the file is called now, and how it is.
        case at(String, FileStatus)
        case notHere
        /// The folder changed while it was looked at.
        case unsure
    }

    /// Looks for a file by what it is, whatever it is called.
    ///
    /// That it is not there counts only where the folder did not change meanwhile: else a file that was renamed between
    /// the listing and the look at its name would be taken for removed, its position forgotten, and all its lines read
    /// again. Asks a few times at most.
    func sight(_ identity: FileIdentity, in folder: String) -> Sighting {
        for _ in 0..<8 {
            guard let before = try? disk.status(folder).modified, let paths = try? paths(in: folder) else {
                return .notHere
            }
            for path in paths {
                guard let status = try? disk.status(path), status.kind == .file else { continue }
                if FileIdentity(status) == identity { return .at(path, status) }
            }
            guard let after = try? disk.status(folder).modified else { return .notHere }
            // The kernel's time stamps are some milliseconds coarse: a folder that changed just now may change unseen.
            let age = clock.wallMilliseconds() - after / 1_000_000
            if before == after, abs(age) > 20 { return .notHere }
        }
        return .unsure
    }

    /// The paths of everything in a folder, in order.
    func paths(in folder: String) throws(DiskError) -> [String] {
        try disk.list(folder).sorted().map { Glob.join(folder == "." ? "" : folder, $0) }
    }
}
