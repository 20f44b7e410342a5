package import KafkaProtocol
package import Platform

/// What groups have committed.
extension Groups {
    /// Whether the caller may commit.
    /// - Parameters:
    ///   - generation: negative for a caller that only uses the group's name.
    ///   - namesMissingGroup: from version 9 on, a missing group is called that.
    package mutating func admitCommit(
        _ group: String, member: String, instance: String?, generation: Int32, namesMissingGroup: Bool, now: Instant
    ) -> ErrorCode {
        if let answer = groups[group]?.admitCommit(
            member: member, instance: instance, generation: generation, now: now)
        {
            return answer
        }
        guard generation < 0 else { return namesMissingGroup ? .groupIdNotFound : .illegalGeneration }
        return groups.count < options.maxGroups ? .none : .groupMaxSizeReached
    }

    /// Takes over what stands in the log. A group that nobody knows becomes one that has only offsets.
    package mutating func commit(_ group: String, _ key: OffsetKey, _ offset: CommittedOffset) {
        set(offset, for: key, of: group)
    }

    /// Whether offsets for these partitions may be committed: there is room for more, or the group has some for each.
    package func hasRoom(for keys: some Sequence<OffsetKey>, of group: String) -> Bool {
        guard offsetBytes >= options.maxOffsetBytes else { return true }
        let offsets = groups[group]?.offsets ?? [:]
        return keys.allSatisfy { offsets[$0] != nil }
    }

    /// The only way in which offsets change.
    private mutating func set(_ offset: CommittedOffset?, for key: OffsetKey, of group: String) {
        guard offset != nil || groups[group] != nil else { return }
        let old = groups[group]?.offsets[key]
        groups[group, default: Group(id: group)].offsets[key] = offset
        offsetBytes += (offset?.bytes(of: key) ?? 0) - (old?.bytes(of: key) ?? 0)
    }

    /// An offset's tombstone.
    package mutating func forget(_ group: String, _ key: OffsetKey) {
        set(nil, for: key, of: group)
        if groups[group]?.isForgettable == true { groups[group] = nil }
    }

    /// All offsets of a group.
    package func offsets(_ group: String) -> [OffsetKey: CommittedOffset] { groups[group]?.offsets ?? [:] }

    /// Forgets the offsets of a deleted topic.
    /// - Returns: which, for their tombstones.
    package mutating func forget(topic: String) -> [(group: String, key: OffsetKey)] {
        var gone: [(group: String, key: OffsetKey)] = []
        for (id, group) in groups {
            let keys = group.offsets.keys.filter { $0.topic == topic }
            guard !keys.isEmpty else { continue }
            for key in keys { set(nil, for: key, of: id) }
            gone += keys.map { (id, $0) }
            if groups[id]?.isForgettable == true { groups[id] = nil }
        }
        return gone
    }

    /// Forgets offsets that nobody has used for the retention time, then empty groups that have none left.
    /// - Parameter wall: milliseconds since 1970.
    package mutating func expire(wall: Int64) -> (offsets: [(group: String, key: OffsetKey)], groups: [String]) {
        let (oldest, overflow) = wall.subtractingReportingOverflow(options.offsetsRetentionMilliseconds)
        guard !overflow else { return ([], []) }
        var gone: [(group: String, key: OffsetKey)] = []
        var erased: [String] = []
        for (id, group) in groups where group.state == .empty {
            let old = group.offsets.filter { _, offset in
                // A group with members once: from the time it became empty; one with offsets only: from the commit.
                let since = group.protocolType == nil ? offset.committed : max(group.since ?? -1, offset.committed)
                return since <= oldest
            }
            for key in old.keys { set(nil, for: key, of: id) }
            gone += old.keys.map { (id, $0) }
            guard groups[id]?.offsets.isEmpty == true, group.pending.isEmpty, (group.since ?? -1) <= oldest else {
                continue
            }
            groups[id] = nil
            if group.generation > 0 { erased.append(id) }
        }
        return (gone, erased)
    }

    /// Sets offsets that lie beyond the end of their partition back to that end: a crash may have shortened the log.
    /// - Parameter end: nil for a partition that does not exist; its offset goes.
    /// - Returns: what changed; nil is gone.
    package mutating func setBack(
        to end: (OffsetKey) -> Int64?
    ) -> [(group: String, key: OffsetKey, offset: CommittedOffset?)] {
        var changed: [(group: String, key: OffsetKey, offset: CommittedOffset?)] = []
        for (id, group) in groups {
            for (key, offset) in group.offsets {
                let limit = end(key)
                guard offset.offset > limit ?? -1 else { continue }
                let lower = limit.map {
                    CommittedOffset(offset: $0, leaderEpoch: -1, metadata: offset.metadata, committed: offset.committed)
                }
                set(lower, for: key, of: id)
                changed.append((id, key, lower))
            }
        }
        return changed
    }

    /// Takes over a group's record at start; nil is its tombstone.
    package mutating func load(_ stored: StoredGroup) {
        var group = groups[stored.group] ?? Group(id: stored.group)
        group.members = [:]
        group.statics = [:]
        group.generation = max(0, stored.generation)
        group.protocolName = stored.protocolName
        group.leader = nil
        for member in stored.members {
            group.add(Member(member, type: stored.protocolType, protocolName: stored.protocolName))
        }
        if let leader = stored.leader, group.members[leader] != nil { group.leader = leader }
        group.state = group.members.isEmpty ? .empty : .stable
        group.protocolType = stored.protocolType.isEmpty ? nil : stored.protocolType
        group.since = stored.since < 0 ? nil : stored.since
        count(&group)
        groups[stored.group] = group
    }

    /// All records were loaded: the sessions of the members that were there begin now.
    /// - Returns: when each group must be looked at next.
    package mutating func resume(now: Instant) -> [GroupAction] {
        var actions: [GroupAction] = []
        for id in groups.keys.sorted() {
            for member in Array(groups[id]?.members.keys ?? [:].keys) { groups[id]?.members[member]?.heard(now: now) }
            guard let next = groups[id]?.nextDeadline else { continue }
            groups[id]?.wakeAt = next
            actions.append(.wake(group: id, at: next))
        }
        return actions
    }

    /// A group's tombstone at start: its members and generation go, offsets have tombstones of their own.
    package mutating func unload(_ id: String) {
        guard var group = groups[id] else { return }
        (group.members, group.pending) = ([:], [:])
        count(&group)
        var fresh = Group(id: id)
        fresh.offsets = group.offsets
        groups[id] = fresh.offsets.isEmpty ? nil : fresh
    }
}
