import Testing

/// `make crash` runs this with 500 kills.
@Suite(
    "Killed while clients append", .timeLimit(.minutes(60)),
    .enabled(
        if: Surroundings.pythonWithKafka != nil,
        "no Python here can import kafka and lz4 (Debian: python3-kafka, python3-lz4)"))
struct KillTests {
    private static let kills = Int(Surroundings.environment["PENSTOCK_KILL_CYCLES"] ?? "") ?? 25

    @Test("After kill -9 again and again whatever was answered is there once, at its offset, in order")
    func everyAnswer() throws {
        let workspace = try Workspace()
        let child = try Child(
            Surroundings.pythonWithKafka ?? "python3",
            [
                "\(Surroundings.checkout)/Tests/Clients/killing.py", Surroundings.penstock, workspace.path,
                "\(Self.kills)", "20",
            ])
        let ending = try child.end(within: .seconds(3000))
        #expect(ending == .exited(0), "\(child.tail)")
        #expect(child.text(.output).contains(" 0 complaints"))
    }
}
