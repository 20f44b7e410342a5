import KafkaClient
import Records
import Settings

struct GroupsListOptions: Options {
    var json = false
    var log = LogChoice()

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.option("json", &json, "Print one JSON array.")
        log.walk(&walker)
    }
}

extension Command {
    static let groupsList = Command(
        "groups list", GroupsListOptions.self, summary: "List the consumer groups.",
        about: """
            Lists the groups with their state: Stable has members and everyone has got their partitions, \
            PreparingRebalance and CompletingRebalance are on the way to it, Empty has committed offsets but no members.
            """,
        examples: [("penstock groups list", "List the groups of the broker on this machine.")]
    ) { options in
        try options.log.with { client in
            let groups = try client.groups()
            if options.json {
                Console.out.line(
                    JSON.array(
                        groups.map { group in
                            .object([
                                ("group", .string(group.name)), ("protocol_type", .string(group.protocolType)),
                                ("state", .string(orNull: group.state)),
                            ])
                        }
                    ).text)
            } else {
                var table = Table(["GROUP", "TYPE", "STATE"])
                for group in groups { table.add([group.name, group.protocolType, group.state ?? "not told"]) }
                Console.out.line(table.text)
            }
        }
        return ExitCode.done
    }
}

struct GroupsDescribeOptions: Options {
    var groups: [String] = []
    var json = false
    var log = LogChoice()

    mutating func walk(_ walker: inout some OptionWalker) {
        walker.option("json", &json, "Print one JSON array.")
        log.walk(&walker)
        walker.argument("groups", &groups, shown: "GROUP", .required, "The groups' names.")
    }
}

extension Command {
    static let groupsDescribe = Command(
        "groups describe", GroupsDescribeOptions.self,
        summary: "Show the members of groups and how far behind they are.",
        about: """
            Shows, for each partition that a group has committed or has assigned, the committed offset, the end of the \
            partition, how far the one is behind the other (the lag), and the member that reads it.
            """,
        examples: [
            ("penstock groups describe readers", "Show one group."),
            ("penstock groups describe readers --json | jq '.[0].lag'", "The sum of the lag."),
        ],
        exitCodes: [(ExitCode.failed, "failed, or there is no such group; the reason is on stderr")]
    ) { options in
        try options.log.with { client in
            let described = try options.groups.map { try DescribedGroup(client, $0) }
            if options.json {
                Console.out.line(JSON.array(described.map(\.json)).text)
            } else {
                Console.out.line(described.map(\.text).joined(separator: "\n\n"))
            }
        }
        return ExitCode.done
    }
}

/// A group with what has to be asked for separately.
private struct DescribedGroup {
    let group: GroupView
    private(set) var rows: [Row] = []

    struct Row {
        var partition: TopicPartition
        var committed: Offset?
        /// nil if the topic is gone, or the partition has no leader.
        var end: Offset?
        var member: GroupView.MemberView?

        /// nil before the first commit.
        var lag: Int64? {
            guard let committed, let end else { return nil }
            return max(0, end - committed)
        }
    }

    init(_ client: KafkaClient, _ name: String) throws(ClientError) {
        group = try client.describeGroup(name)
        let committed = try client.committed(by: name)
        var readers: [TopicPartition: GroupView.MemberView] = [:]
        for member in group.members {
            for partition in member.assignment { readers[partition] = member }
        }
        let partitions = Set(committed.keys).union(readers.keys).sorted()
        let ends = try Self.ends(client, of: partitions)
        for partition in partitions {
            rows.append(
                Row(
                    partition: partition, committed: committed[partition], end: ends[partition],
                    member: readers[partition]))
        }
    }

    /// The ends of the partitions that are still there and can be read.
    private static func ends(
        _ client: KafkaClient, of partitions: [TopicPartition]
    ) throws(ClientError) -> [TopicPartition: Offset] {
        let there = try client.topics(nil).flatMap(\.readablePartitions)
        return try client.offsets(.end, of: partitions.filter(Set(there).contains))
    }

    private var lag: Int64 { rows.reduce(0) { $0 + ($1.lag ?? 0) } }

    var text: String {
        let count = group.members.count
        var head = "\(group.name): \(group.state), \(count) member\(count == 1 ? "" : "s")"
        if !group.assignor.isEmpty { head += ", assignor \(group.assignor)" }
        head += ", lag \(lag)"
        var table = Table(["TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "MEMBER", "HOST"], numbers: [1, 2, 3, 4])
        for row in rows {
            table.add([
                row.partition.topic, "\(row.partition.partition)", row.committed?.description ?? "-",
                row.end?.description ?? "-", row.lag?.description ?? "-", row.member?.id ?? "-",
                row.member?.host ?? "-",
            ])
        }
        var lines = [head]
        if !rows.isEmpty { lines.append(table.text) }
        let idle = group.members.filter(\.assignment.isEmpty)
        if !idle.isEmpty { lines.append("without partitions: " + idle.map(\.id).joined(separator: ", ")) }
        return lines.joined(separator: "\n")
    }

    var json: JSON {
        .object([
            ("group", .string(group.name)), ("state", .string(group.state)),
            ("protocol_type", .string(group.protocolType)), ("assignor", .string(group.assignor)),
            ("lag", .integer(lag)),
            (
                "members",
                .array(
                    group.members.map { member in
                        .object([
                            ("member", .string(member.id)), ("client", .string(member.clientId)),
                            ("host", .string(member.host)), ("partitions", .integer(member.assignment.count)),
                        ])
                    })
            ),
            (
                "partitions",
                .array(
                    rows.map { row in
                        .object([
                            ("topic", .string(row.partition.topic)),
                            ("partition", .integer(Int64(row.partition.partition))),
                            ("committed", row.committed.map { .integer($0) } ?? .null),
                            ("end", row.end.map { .integer($0) } ?? .null),
                            ("lag", row.lag.map { .integer($0) } ?? .null),
                            ("member", .string(orNull: row.member?.id)),
                        ])
                    })
            ),
        ])
    }
}
