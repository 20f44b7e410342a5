import Settings
import Sockets

struct StatusOptions: Options {
    var data = Directory.standard
    var json = false

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.option("data", &data, "The data directory whose process is asked.")
        walker.option("json", &json, "Print JSON, on one line.")
    }
}

extension Command {
    static let status = Command(
        "status", StatusOptions.self, summary: "Show what the running process does: lag, rates, errors.",
        about: """
            Asks the process that works on a data directory: for each pipeline its state (starting, running, failed \
            with the reason, stopping, finished), events and bytes per second, for each file how far behind it is in \
            bytes and in time, what was abandoned and why, and errors. Abandoned bytes are counted as long as the \
            positions of the files are kept.
            """,
        examples: [
            ("penstock status --data /var/lib/penstock", "Show a table."),
            (
                "penstock status --json | jq '.pipelines[] | select(.state == \"failed\")'",
                "List the pipelines that cannot go on now."
            ),
        ],
        exitCodes: [(ExitCode.failed, "no process answers for the data directory")]
    ) { options in
        do throws(SocketError) {
            let answer = try ControlServer.ask(
                path: options.data.controlSocket, options.json ? "status json" : "status")
            Console.out.write(answer)
            return ExitCode.done
        } catch {
            throw Failure(
                "no process answers for the data directory \(options.data.path): \(error.cause); "
                    + "start one with `penstock run --data \(options.data.path)`, or name another with --data")
        }
    }
}
