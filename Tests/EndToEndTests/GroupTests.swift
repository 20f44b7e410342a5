import Testing

@Suite(
    "A consumer group of kafka-python", .timeLimit(.minutes(20)),
    .enabled(
        if: Surroundings.pythonWithKafka != nil,
        "no Python here can import kafka and lz4 (Debian: python3-kafka, python3-lz4)"))
struct GroupTests {
    private struct Place: Hashable {
        var partition: Substring
        var offset: Substring
    }

    private func members(_ names: [String], of penstock: Penstock) throws -> Child {
        try Child(
            Surroundings.pythonWithKafka ?? "python3",
            ["\(Surroundings.checkout)/Tests/Clients/group.py", penstock.address, "app", "readers"] + names,
            input: .open)
    }

    /// Waits until the newest assignments of three members are eight partitions, each of them once.
    private func division(_ group: Child) throws -> [Int] {
        var held: [Substring: [Substring]] = [:]
        try group.line(on: .output, "eight partitions, divided among three") { line in
            let words = line.split(separator: " ")
            guard words.count == 3, words[0] == "assigned" else { return false }
            held[words[1]] = words[2] == "-" ? [] : words[2].split(separator: ",")
            return held.values.filter { !$0.isEmpty }.count == 3
                && held.values.joined().sorted() == "01234567".map { "\($0)" }
        }
        return held.values.map(\.count).sorted()
    }

    /// Waits until the group has read `count` different records that are not among `before`.
    private func read(_ count: Int, _ group: Child, before: Set<Place> = []) throws -> [Place] {
        var places: [Place] = []
        var different: Set<Place> = []
        try group.line(on: .output, "\(count) records") { line in
            let words = line.split(separator: " ")
            guard words.count >= 4, words[0] == "record" else { return false }
            places.append(Place(partition: words[2], offset: words[3]))
            different.insert(places[places.count - 1])
            return different.subtracting(before).count == count
        }
        return places
    }

    @Test("Three members divide eight partitions, commit, and go on there after a restart of the server")
    func threeMembers() throws {
        let workspace = try Workspace()
        try workspace.write("app.log", Lines(count: 4000).content)
        let file = try workspace.write("app.yaml", pipeline(tail: [workspace("app.log")], topic: "app"))
        var penstock = try Penstock(workspace, pipelines: [file])

        let first = try members(["a", "b", "c"], of: penstock)
        #expect(try division(first) == [2, 3, 3])
        let early = try read(4000, first)
        first.closeInput()
        #expect(try first.end() == .exited(0), "\(first.tail)")

        try penstock.stop()
        penstock = try Penstock(workspace, pipelines: [file], port: penstock.port)
        try workspace.append("app.log", Lines(count: 1000, first: 4000).content)
        let second = try members(["d", "e", "f"], of: penstock)
        #expect(try division(second) == [2, 3, 3])
        let late = try read(1000, second, before: Set(early))
        second.closeInput()
        #expect(try second.end() == .exited(0), "\(second.tail)")

        let repeated = early.count + late.count - 5000
        #expect(repeated == 0, "records that the group read again")
        try penstock.stop()
    }
}
