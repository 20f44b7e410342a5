import Glibc
import Platform
import Settings

/// The log of the process: lines on stderr, with a level and key=value fields.
///
/// Under journald (`JOURNAL_STREAM` is set) a line begins with its priority, `<4>`, and has no time of its own.
struct Log: Sendable {
    enum Level: String, OptionChoice, CaseIterable {
        case error, warning, info, debug

        /// As syslog numbers them. (RFC 5424, 6.2.1)
        var priority: Int {
            switch self {
            case .error: 3
            case .warning: 4
            case .info: 6
            case .debug: 7
            }
        }

        fileprivate var rank: Int { priority }
    }

    let level: Level
    let screen: Screen
    let journal: Bool
    let clock: Clock

    init(level: Level, screen: Screen, clock: Clock = .system) {
        self.level = level
        self.screen = screen
        self.clock = clock
        journal = getenv("JOURNAL_STREAM") != nil
    }

    func error(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) { write(.error, message, fields) }
    func warning(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) { write(.warning, message, fields) }
    func info(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) { write(.info, message, fields) }
    func debug(_ message: String, _ fields: KeyValuePairs<String, String> = [:]) { write(.debug, message, fields) }

    func write(_ level: Level, _ message: String, _ fields: KeyValuePairs<String, String>) {
        guard level.rank <= self.level.rank else { return }
        let tail = fields.map { " \($0.key)=\(Self.field($0.value))" }.joined()
        // One message is one line and no more than text, whatever a file's or a client's name holds.
        let text = (message + tail).withControlsEscaped
        if journal { return screen.line("<\(level.priority)>\(text)") }
        screen.line("\(Self.time(clock.wallMilliseconds())) \(level.rawValue.padded(to: 7)) \(text)")
    }

    /// A value with blanks or quotes is put between quotes.
    private static func field(_ value: String) -> String {
        guard value.isEmpty || value.contains(where: { $0 == " " || $0 == "\"" || $0 == "=" }) else { return value }
        return "\"" + value.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\\\"") + "\""
    }

    /// `2026-11-21T17:22:35.991Z`
    static func time(_ milliseconds: Int64) -> String {
        var seconds = time_t(milliseconds / 1000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func digits(_ value: Int, _ count: Int) -> String {
            let text = "\(value)"
            return String(repeating: "0", count: max(0, count - text.count)) + text
        }
        let date = [
            digits(Int(parts.tm_year) + 1900, 4), digits(Int(parts.tm_mon) + 1, 2), digits(Int(parts.tm_mday), 2),
        ]
        let time = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { digits(Int($0), 2) }
        let fraction = digits(Int(milliseconds % 1000), 3)
        return date.joined(separator: "-") + "T" + time.joined(separator: ":") + ".\(fraction)Z"
    }
}

/// stderr, shared by the log and one line at its end that is written anew while work goes on.
final class Screen: Sendable {
    private let console: Console
    /// What the last line shows now; empty: nothing.
    private let live = Lock("")

    init(_ console: Console) { self.console = console }

    /// Whether a live line can be shown at all.
    var canRewrite: Bool { console.isTerminal }

    func line(_ text: String) {
        live.withLock { live in
            guard !live.isEmpty else { return console.write(text + "\n") }
            console.write("\r\u{1B}[K" + text + "\n" + live)
        }
    }

    /// Replaces the live line; an empty text takes it away.
    func rewrite(_ text: String) {
        // A line that wraps could not be taken back.
        let text = String(text.prefix(console.columns - 1))
        live.withLock { live in
            guard live != text else { return }
            live = text
            console.write("\r\u{1B}[K" + text)
        }
    }
}
