import Records

/// The blocks of one source: handed out again once nobody else refers to them.
struct BlockPool {
    private var blocks: [Block] = []
    private var turn = 0

    /// A block of this capacity with nothing in it.
    mutating func take(capacity: Int) -> Block {
        for _ in blocks.indices {
            turn = (turn + 1) % blocks.count
            guard blocks[turn].capacity == capacity, isKnownUniquelyReferenced(&blocks[turn]) else { continue }
            blocks[turn].reset()
            return blocks[turn]
        }
        // What is still in use lives on with its user; what is free and of another size goes.
        blocks.removeAll { $0.capacity != capacity }
        let block = Block(capacity: capacity)
        blocks.append(block)
        return block
    }

    /// Gives the memory back: for a source that has come to rest.
    mutating func trim() { blocks = [] }
}
