import Glibc

/// Why a pipeline cannot start or go on, said so that its operator knows what to do.
package enum PipelineError: Error, Equatable, CustomStringConvertible {
    /// The process has no descriptor left.
    case noDescriptor(errno: Int32)
    /// A graph that this version cannot run.
    case unsupported(pipeline: String, what: String)
    /// The registry has no component of this type; the pipeline file's reader finds this first.
    case unknownType(kind: String, name: String)
    /// Nothing that anyone does can make it work again (the reader of standard output went away): no further attempt.
    case beyondRepair(String)
    /// An option's value is of the right kind, and still nothing can be done with it.
    case badOption(path: String, message: String)

    package var description: String {
        switch self {
        case .noDescriptor(let code):
            "cannot open a pipe: \(String(cString: strerror(code))); raise the limit of open files (ulimit -n)"
        case .unsupported(let pipeline, let what): "pipeline \(pipeline): \(what)"
        case .unknownType(let kind, let name): "there is no \(kind) of type \(name)"
        case .beyondRepair(let what): what
        case .badOption(let path, let message): "\(path): \(message)"
        }
    }
}
