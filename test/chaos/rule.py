"""What the device of a room's owner orders there: it is sent again until it is done."""
from place import document
from sanctions import KINDS, SECONDS


class Order:
    def __init__(self, id, place, kind, user, sanction):
        self.id = id
        self.place = place
        self.kind = kind
        self.user = user
        self.sanction = sanction
        self.again_at = 0

    def document(self):
        fields = {} if self.kind == "kick" else {"for": SECONDS}
        return document(self.kind, target={"id": self.place.id}, user={"id": self.user}, id=self.id, **fields)


class Rule:
    def __init__(self, device):
        self.device = device
        self.orders = {}  # by id
        self.count = 0

    def look_after(self, now, now_ms):
        device = self.device
        for place in device.places:
            if place.joined and place.role == "owner" and not self.orders and not device.world.is_quiet \
                    and device.random.random() < 0.15:
                self._order(place)
        for order in self.orders.values():
            if order.again_at <= now and order.place.id:
                order.again_at = now + 5 * device.world.patience
                order.sanction.sent = order.sanction.sent or now_ms
                device.send(order.document())

    def _order(self, place):
        """Against somebody else who has been in the room."""
        device = self.device
        others = sorted({each.user.id for each in device.world.devices for other in each.places
                         if other.key == place.key and each.user is not device.user and each.user.id})
        if not others:
            return
        kind, user = device.random.choice(KINDS), device.random.choice(others)
        self.count += 1
        order = Order(f"o{self.count}", place, kind, user, device.world.sanctions.add(place.room, user, kind))
        self.orders[order.id] = order

    def done(self, told, now_ms):
        order = self.orders.get(told["id"])
        if order is None:
            return  # a repeated one
        if (told["request"], told["target"]["id"], told["user"]["id"]) != (order.kind, order.place.id, order.user):
            raise ValueError("not what was asked for")
        order.sanction.done = now_ms
        self.device.world.counts[order.kind + "s"] += 1
        del self.orders[order.id]

    def refused(self, told, now):
        """For now."""
        if order := self.orders.get(told.get("id")):
            order.again_at = now + self.device.random.uniform(0.2, 1)

    def ended(self):
        for order in self.orders.values():
            order.again_at = 0
