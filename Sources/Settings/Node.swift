/// A value as it was written, with its place: a tree of bounded depth (``YAMLLimits``).
package struct Node: Sendable {
    package var place: Place?
    package var content: Content

    package enum Content: Sendable {
        /// Nothing at all, or `~` or `null`.
        case nothing
        case scalar(String)
        case list([Node])
        case map([Entry])
    }

    package struct Entry: Sendable {
        package var key: String
        package var keyPlace: Place?
        package var value: Node
    }

    package init(place: Place? = nil, _ content: Content) {
        self.place = place
        self.content = content
    }

    /// For "found …" in a mistake.
    package var found: String {
        switch content {
        case .nothing: "nothing"
        case .scalar(let text): text.quoted
        case .list: "a list"
        case .map: "a map"
        }
    }
}
