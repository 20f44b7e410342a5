import CommitLog

/// A shell pattern over paths: `*`, `?`, `[a-z]`, `[!x]` and `\` within one name; `**` is not special.
///
/// As in a shell, a leading dot is matched only by a written dot.
struct Glob: Hashable, Sendable {
    let text: String
    private let steps: [Step]

    private struct Step: Hashable, Sendable {
        var pattern: [UInt8]
        var isLiteral: Bool
    }

    init(_ text: String) {
        self.text = text
        steps = text.split(separator: "/", omittingEmptySubsequences: true).map { step in
            let bytes = Array(step.utf8)
            return Step(
                pattern: bytes, isLiteral: !bytes.contains { $0 == 0x2A || $0 == 0x3F || $0 == 0x5B || $0 == 0x5C })
        }
    }

    private var root: String { text.utf8.first == 0x2F ? "/" : "" }

    /// The paths that exist now, sorted. Folders that cannot be listed are skipped, and named in `failures`.
    func expand(on disk: Disk, failures: inout [DiskError]) -> [String] {
        walk(root, steps[...], disk, &failures).sorted()
    }

    /// The folders whose changes can change what this pattern finds, as far as they exist.
    func folders(on disk: Disk) -> [String] {
        var ignored: [DiskError] = []
        guard !steps.isEmpty else { return [] }
        return walk(root, steps.dropLast(), disk, &ignored).map { $0.isEmpty ? "." : $0 }.sorted()
    }

    private func walk(
        _ folder: String, _ steps: ArraySlice<Step>, _ disk: Disk, _ failures: inout [DiskError]
    ) -> [String] {
        guard let step = steps.first else { return [folder] }
        let rest = steps.dropFirst()
        if step.isLiteral {
            let path = Self.join(folder, String(decoding: step.pattern, as: UTF8.self))
            do throws(DiskError) {
                // A name that is not there is no failure of the pattern: it may come.
                guard try disk.exists(path) else { return [] }
            } catch {
                failures.append(error)
                return []
            }
            return walk(path, rest, disk, &failures)
        }
        do throws(DiskError) {
            let names = try disk.list(folder.isEmpty ? "." : folder)
            return names.filter { Self.matches(step.pattern[...], Array($0.utf8)[...]) }
                .flatMap { walk(Self.join(folder, $0), rest, disk, &failures) }
        } catch {
            if !error.isMissing { failures.append(error) }
            return []
        }
    }

    /// Whether the pattern describes `path` as it stands; a pattern without `/` is held against the last name only.
    func describes(_ path: String) -> Bool {
        let names = path.split(separator: "/").map { Array($0.utf8) }
        if !text.utf8.contains(0x2F) {
            guard let name = names.last, let step = steps.first else { return false }
            return Self.matches(step.pattern[...], name[...], dotIsSpecial: false)
        }
        guard names.count == steps.count, (path.utf8.first == 0x2F) == (text.utf8.first == 0x2F) else { return false }
        return zip(steps, names).allSatisfy { Self.matches($0.pattern[...], $1[...], dotIsSpecial: false) }
    }

    static func join(_ folder: String, _ name: String) -> String {
        folder.isEmpty ? name : folder.hasSuffix("/") ? folder + name : folder + "/" + name
    }

    /// Linear in the name for each star: on a mismatch only the last star is given another byte.
    static func matches(_ pattern: ArraySlice<UInt8>, _ name: ArraySlice<UInt8>, dotIsSpecial: Bool = true) -> Bool {
        if dotIsSpecial, name.first == 0x2E, pattern.first != 0x2E { return false }
        var (p, n) = (pattern.startIndex, name.startIndex)
        var star: (pattern: Int, name: Int)?
        while n < name.endIndex {
            if p < pattern.endIndex, pattern[p] == 0x2A {
                star = (p, n)
                p += 1
            } else if p < pattern.endIndex, let next = one(pattern, p, name[n]) {
                p = next
                n += 1
            } else if let last = star {
                star = (last.pattern, last.name + 1)
                (p, n) = (last.pattern + 1, last.name + 1)
            } else {
                return false
            }
        }
        return pattern[p...].allSatisfy { $0 == 0x2A }
    }

    /// - Returns: where the pattern goes on if what stands at `index` takes `byte`.
    private static func one(_ pattern: ArraySlice<UInt8>, _ index: Int, _ byte: UInt8) -> Int? {
        switch pattern[index] {
        case 0x3F: return index + 1
        case 0x5B: return set(pattern, index, byte)
        case 0x5C where index + 1 < pattern.endIndex: return pattern[index + 1] == byte ? index + 2 : nil
        case byte: return index + 1
        default: return nil
        }
    }

    /// A `[` without its `]` stands for itself.
    private static func set(_ pattern: ArraySlice<UInt8>, _ index: Int, _ byte: UInt8) -> Int? {
        var position = index + 1
        guard position < pattern.endIndex else { return byte == 0x5B ? position : nil }
        let negated = pattern[position] == 0x21 || pattern[position] == 0x5E
        if negated { position += 1 }
        let first = position
        var found = false
        while position < pattern.endIndex, pattern[position] != 0x5D || position == first {
            let low = pattern[position]
            var high = low
            if position + 2 < pattern.endIndex, pattern[position + 1] == 0x2D, pattern[position + 2] != 0x5D {
                high = pattern[position + 2]
                position += 2
            }
            if low <= byte && byte <= high { found = true }
            position += 1
        }
        guard position < pattern.endIndex else { return byte == 0x5B ? index + 1 : nil }
        return found != negated ? position + 1 : nil
    }
}
