import Glibc

@main
struct Penstock {
    static let version = "0.1.0"

    static func main() {
        // A reader that goes away ends a write with an error, not the process.
        signal(SIGPIPE, SIG_IGN)
        let words = Array(CommandLine.arguments.dropFirst())
        exit(CommandTable.penstock.run(words))
    }
}
