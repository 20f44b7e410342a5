import Broker
import Platform
import Testing

/// An answer that comes on another thread.
final class Answer<Value: Sendable>: Sendable {
    private let value = Lock<Value?>(nil)

    func give(_ new: Value) {
        value.withLockNotifying { value in
            precondition(value == nil, "answered twice")
            value = new
        }
    }

    /// nil while there is none.
    var now: Value? { value.withLock { $0 } }

    /// Waits for it, for as long as a broken test may hang.
    func wait() throws -> Value {
        let deadline = Clock.system.now() + .seconds(30)
        let answer: Value? = value.wait(until: deadline) { $0 }
        return try #require(answer, "no answer came")
    }
}

/// Calls a method of the broker and waits for its answer.
func answer<Value: Sendable>(_ call: (@escaping Respond<Value>) -> Void) throws -> Value {
    let answer = Answer<Value>()
    call { answer.give($0) }
    return try answer.wait()
}
