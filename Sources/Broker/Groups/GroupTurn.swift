import Platform

/// What one call to the state machine knows, and what it has decided so far.
struct GroupTurn {
    let now: Instant
    /// Milliseconds since 1970.
    let wall: Int64
    let options: GroupOptions
    /// Bytes that the members of all groups may still grow by; negative if they were loaded with more.
    var room = Int.max
    var actions: [GroupAction] = []

    mutating func answer(_ waiter: GroupWaiter, _ answer: JoinAnswer) { actions.append(.answerJoin(waiter, answer)) }
    mutating func answer(_ waiter: GroupWaiter, _ answer: SyncAnswer) { actions.append(.answerSync(waiter, answer)) }
}
