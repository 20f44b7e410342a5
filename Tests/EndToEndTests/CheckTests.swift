import Foundation
import Testing

@Suite("penstock check", .timeLimit(.minutes(20)))
struct CheckTests {
    @Test("A file with three mistakes is answered with all three, their places, and exit code 2")
    func threeMistakes() throws {
        let workspace = try Workspace()
        try workspace.write(
            "web.yaml",
            """
            source: { type: tail, pathes: [/var/log/app.log] }
            sink:
              type: topic
              topic: web
              partitions: lots
              linger: 10 parsecs

            """)
        let result = try Penstock.command(["check", "web.yaml"], in: workspace)
        #expect(result.ending == .exited(2))
        let lines = result.errors.split(separator: "\n")
        func mistake(_ place: String, _ words: String...) -> Bool {
            lines.contains { line in line.contains("web.yaml:\(place)") && words.allSatisfy(line.contains) }
        }
        #expect(mistake("1:", "pathes", "paths"), "a misspelt key and what was meant: \(result.errors)")
        #expect(mistake("5:15", "partitions", "lots"), "a word where a number belongs: \(result.errors)")
        #expect(mistake("6:11", "linger", "10 parsecs"), "a unit that does not exist: \(result.errors)")
    }

    @Test("A duplicate key and a missing one are mistakes, and run starts nothing")
    func duplicate() throws {
        let workspace = try Workspace()
        try workspace.write(
            "web.yaml",
            """
            source: { type: tail, paths: [a.log], paths: [b.log] }
            sink: { type: topic }

            """)
        let result = try Penstock.command(["run", "web.yaml", "--data", workspace("data")], in: workspace)
        #expect(result.ending == .exited(2))
        #expect(result.errors.contains("web.yaml:1:39"), "\(result.errors)")
        #expect(result.errors.contains("topic"), "\(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: workspace("data")), "nothing is made when the file is wrong")
    }

    @Test("Text that is no YAML is answered with file, line and column")
    func noYAML() throws {
        let workspace = try Workspace()
        try workspace.write("web.yaml", "source: { type: tail, paths: [a.log }\n")
        let result = try Penstock.command(["check", "web.yaml"], in: workspace)
        #expect(result.ending == .exited(2))
        #expect(result.errors.contains("web.yaml:1:"), "\(result.errors)")
    }

    @Test("A file that is not there is named")
    func missing() throws {
        let workspace = try Workspace()
        let result = try Penstock.command(["check", "absent.yaml"], in: workspace)
        #expect(result.ending != .exited(0))
        #expect(result.errors.contains("absent.yaml"), "\(result.errors)")
    }

    @Test(
        "An unknown command and an unknown flag are answered with what was meant",
        arguments: [["chekc"], ["run", "--dta", "x"]])
    func unknown(arguments: [String]) throws {
        let result = try Penstock.command(arguments)
        #expect(result.ending == .exited(2))
        #expect(result.errors.contains(arguments.count == 1 ? "check" : "--data"), "\(result.errors)")
    }

    @Test("--help and each command's help end with 0 and name their options")
    func help() throws {
        let main = try Penstock.command(["--help"])
        #expect(main.ending == .exited(0))
        for command in ["run", "check", "status", "topics", "produce", "consume", "groups"] {
            #expect(main.output.contains(command), "penstock --help names \(command)")
            let own = try Penstock.command([command, "--help"])
            #expect(own.ending == .exited(0), "penstock \(command) --help: \(own.errors)")
            #expect(own.output.contains("--"), "penstock \(command) --help names an option")
        }
    }
}
