"""What people write at Kaffeehaus Roasters: short dialogues by topic, in the languages of the company.

Here: words only. ``{name}`` marks are filled from ``SLOTS`` or, for ``{someone}``, with a colleague's first name.
Not here: who says it, when and where (``sample.py``).
"""

from __future__ import annotations

from typing import Final

Dialogue = tuple[str, ...]

SLOTS: Final[dict[str, tuple[str, ...]]] = {
    "bean": (
        "Yirgacheffe",
        "Huila",
        "Santos",
        "Sidamo",
        "Tarrazú",
        "Kenia AA",
        "Sumatra Mandheling",
        "Guji",
        "Antigua",
    ),
    "batch": ("#4711", "#4812", "#5003", "#5120", "#5248", "#5391", "#5566", "#5702", "#5833", "#6001"),
    "kg": ("12", "30", "45", "60", "120", "240", "300", "480", "900"),
    "degrees": ("196", "201", "204", "208", "211", "214", "219"),
    "score": ("82.5", "84", "85.25", "86", "87.75", "88.5"),
    "day": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday"),
    "tag": ("Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag"),
    "time": ("8:30", "9:00", "9:15", "10:00", "11:30", "13:45", "14:00", "15:30", "16:00"),
    "count": ("2", "3", "4", "6", "8", "11", "14", "19", "23"),
    "eur": ("180", "240", "320", "1.150", "2.400", "3.980", "12.700"),
    "version": ("2.14.0", "2.15.1", "2.17.0", "3.0.2", "3.1.0", "3.4.5"),
    "ticket": ("SHOP-212", "SHOP-340", "SHOP-418", "SHOP-502", "SHOP-611", "SHOP-733"),
    "city": ("Vienna", "Berlin", "Istanbul", "Tel Aviv", "Lisbon", "Tokyo", "Trieste"),
}

REMARKS: Final[Dialogue] = (
    "👍",
    "Danke!",
    "thanks 🙏",
    "On it.",
    "merci bcp ☕",
    "passt",
    "ok",
    "same here",
    "Great work, {someone}!",
    "🎉🎉🎉",
    "❤️",
    "schau ich mir gleich an",
    "tamam 👌🏽",
    "شكرا جزيلا 🌹",
    "תודה רבה!",
    "了解です",
    "¡Perfecto!",
    "Grazie mille",
    "👩🏽‍🍳👨‍👩‍👧‍👦 family lunch at {time}!",
    "🏳️‍🌈 Happy pride, everyone",
    "🤷🏻‍♀️",
    "lol",
    "See you {day}",
    "Bin heute im Homeoffice, ruft einfach an 📞",
)

OFFICE: Final[tuple[Dialogue, ...]] = (
    (
        "Who can cover the front desk on {day} at {time}?",
        "I can, if someone takes my afternoon.",
        "I take it. Done deal.",
    ),
    (
        "The coffee machine on the 2nd floor is out of order. Yes, ours. Of all companies.",
        "The irony ☕😭",
        "Fixed it.",
    ),
    (
        "Wer hat den Schlüssel vom Lager?",
        "Liegt bei mir am Tisch, hol ihn dir gern.",
        "Danke, bringe ihn bis {time} zurück.",
    ),
    (
        "Reminder: fire drill on {day}, {time}. Meeting point is the yard.",
        "Do we bring the beans?",
        "Save the beans first 🔥",
    ),
    ("Welcome {someone}, who joins us in {city} today 🎉", "Welcome!", "Herzlich willkommen!", "¡Bienvenida!"),
    ("Anyone up for lunch? Falafel place round the corner, {time}.", "Me!", "+1 🥙", "Komme nach."),
    (
        "Wir haben noch {count} Plätze für den Betriebsausflug.",
        "Ich bin dabei, plus eine Begleitung.",
        "Eingetragen ✅",
    ),
    ("Who left the window open over night? The pigeons say hello 🐦", "Sorry 🙈", "At least they like our {bean}."),
)

ROASTING: Final[tuple[Dialogue, ...]] = (
    (
        "Batch {batch} {bean}: first crack at {degrees} °C, dropped 1:40 later.",
        "Curve looks clean. Bit fast in the Maillard phase?",
        "Yes, turned the gas down 10% for the next one.",
        "{batch} again: much better, cupping at {time}.",
    ),
    (
        "Röster 2 zieht Falschluft, ich stoppe {batch}.",
        "Dichtung an der Trommel?",
        "Genau die. Ersatz liegt im Lager, Regal 3.",
        "Läuft wieder. {kg} kg nachgeholt.",
    ),
    ("Moisture of the new {bean} is 11.8%, I'd let it rest two more days.", "Agreed, I move it to {day}."),
    ("Chaff collector full again 😅", "Second time this week. I add it to the shift check list."),
    ("{kg} kg {bean} geröstet und verpackt, Palette steht am Tor.", "Super, LKW kommt um {time}."),
    (
        "Cupping {bean} {batch}: {score}. Jasmine, peach, a bit of black tea.",
        "I had it at {score}, more bergamot than jasmine.",
        "Let us blind it again on {day}.",
    ),
    ("Agtron reading on {batch} is off by 4.", "Lamp is old. New one ordered, {eur} €.", "Ouch."),
)

LOGISTICS: Final[tuple[Dialogue, ...]] = (
    (
        "Container from Santos delayed, new ETA {day}.",
        "How much do we still have of {bean}?",
        "{kg} kg, enough for {count} days.",
        "Then I push the wholesale order to {day}.",
    ),
    (
        "DHL picked up {count} parcels short today.",
        "Found them: behind the grinder pallets. Labels now stuck on.",
        "🙄",
    ),
    ("Customs wants the phyto certificate for {batch} again.", "Sent it at {time}, here is the copy.", "Released ✅"),
    (
        "Zählung Lager: {kg} kg {bean}, Buchbestand sagt etwas anderes.",
        "Ich prüfe die Entnahmen von {tag}.",
        "Gefunden, Tippfehler.",
    ),
    (
        "Sevkiyat yarın {time} gibi İstanbul'da olur.",
        "Harika, mağazaya haber veriyorum.",
        "{kg} kg {bean} dahil mi?",
        "Evet, dahil.",
    ),
)

CAFE_WIEN: Final[tuple[Dialogue, ...]] = (
    (
        "Wir brauchen für {tag} noch {count} Tabletts Apfelstrudel.",
        "Bestellt, kommt um {time}.",
        "Danke dir, {someone}!",
    ),
    (
        "Der Siebträger links hält den Druck nicht.",
        "Techniker kommt {tag}.",
        "Bis dahin nur rechts. Wird eng um {time} 😬",
    ),
    ("Ein Gast möchte den {bean} als Filter, haben wir den noch?", "Zwei Packerl unter der Theke.", "Bist a Schatz."),
    ("Trinkgeld von gestern: {eur} geteilt durch {count}.", "Stimmt so, passt.", "Juhu 💸"),
    ("Grüß euch, bin {count} Minuten später da, die U4 steht.", "Kein Stress, {someone} sperrt auf."),
)

CAFE_ISTANBUL: Final[tuple[Dialogue, ...]] = (
    ("Günaydın! Bugün {count} kişilik bir grup geliyor, saat {time}.", "Üst katı hazırlıyorum.", "Eline sağlık 🙏"),
    ("{bean} bitti, depodan {kg} kg alabilir miyiz?", "Şoför yola çıktı.", "Teşekkürler!"),
    ("Yeni menü çok güzel olmuş 😍", "Fotoğrafları da paylaşır mısın?", "Tabii, birazdan."),
    ("Elektrik kesildi, jeneratör çalışıyor.", "Buzdolaplarını kontrol edin lütfen.", "Hepsi iyi."),
)

CAFE_TEL_AVIV: Final[tuple[Dialogue, ...]] = (
    ("בוקר טוב! מי פותח היום?", "אני כאן מ-{time}, הכול מוכן.", "אלופה 💪"),
    ("נגמר לנו {bean}, אפשר להזמין עוד {kg} ק״ג?", "הזמנתי, יגיע ביום שלישי.", "תודה!"),
    ("הלקוח בשולחן {count} שאל על קפה טורקי עם הל.", "יש לנו, במדף העליון.", "מצאתי 🙏"),
    ("Mixed text test from the new tablet: הקפה מוכן (ready) בשעה {time}.", "נראה טוב, {someone}."),
)

CAFE_BEIRUT: Final[tuple[Dialogue, ...]] = (
    ("صباح الخير يا جماعة ☕", "صباح النور!", "الآلة جاهزة ونحن بانتظار أول زبون."),
    ("نحتاج {kg} كيلو من {bean} قبل الجمعة.", "تم الطلب، سيصل الساعة {time}.", "ممتاز، شكرا."),
    ("الزبون على الطاولة {count} يسأل عن القهوة بالهيل.", "موجودة، سأحضّرها حالا.", "يعطيك العافية 🌹"),
    ("انقطعت الكهرباء مرة ثانية 😩", "المولّد يعمل الآن.", "الحمد لله."),
)

CAFE_TOKYO: Final[tuple[Dialogue, ...]] = (
    ("おはようございます。今日の豆は{bean}です。", "了解しました!", "香りがいいですね ☕️"),
    ("{time}に団体のお客様が{count}名いらっしゃいます。", "席を準備しておきます。", "お願いします🙇‍♀️"),
    ("エスプレッソマシンの圧力が低いです。", "フィルターを交換しました。直りました。", "ありがとうございます!"),
    ("在庫は{kg}kgです。発注しますか?", "はい、お願いします。"),
)

CAFE_LISBON: Final[tuple[Dialogue, ...]] = (
    ("Bom dia! Faltam {count} pastéis de nata para a encomenda das {time}.", "Já vão a caminho.", "És o maior!"),
    ("A máquina de lavar está a fazer um barulho estranho.", "Chamei o técnico.", "Obrigado, {someone}."),
    ("Hay un grupo de Madrid que pregunta por el {bean}.", "Les preparo una cata a las {time}.", "¡Genial!"),
)

SHOP: Final[tuple[Dialogue, ...]] = (
    (
        "{ticket} is ready for review: the cart forgets the grind size after a reload.",
        "Looking. Is that the session cookie again?",
        "No, its key clashes with the newsletter's:\n```js\nlocalStorage.setItem('cart', JSON.stringify(cart))\n```",
        "Approved with one remark ✅",
        "Merged, goes out with {version}.",
    ),
    (
        "Checkout errors are up: {count} in the last 10 minutes.",
        "Payment provider status page says degraded.",
        "Rolling back {version} anyway to be sure.",
        "Errors gone. Post mortem on {day}, {time}.",
    ),
    ("Deploying {version} at {time}. Shout if not.", "Go 🚀", "Done, smoke tests green."),
    (
        'Does anybody know why the invoice PDF shows "Kaffeehaus GmbH &amp; Co"?',
        "Double escaping. {ticket}.",
        "Thanks!",
    ),
    (
        'Search for "Tarrazu" without accent finds nothing.',
        "NFC/NFD? Or unaccent missing?",
        "unaccent. Fixed in {ticket}.",
    ),
    ("Latency p95 dropped from 840 ms to {degrees} ms after the index 😎", "Chart or it didn't happen.", "See above ⬆️"),
)

MARKETING: Final[tuple[Dialogue, ...]] = (
    (
        'Newsletter draft for {day}: "{bean} is back". Comments until {time} please.',
        "Love it. Shorter subject line?",
        "Done.",
    ),
    ("Instagram: {count}k views on the latte art reel 🔥", "The swan one?", "The swan one 🦢"),
    ("On a besoin de photos du nouveau café pour le site.", "Je passe {day} avec l'appareil.", "Parfait, merci !"),
    (
        "Budget für die Messe: {eur} €. Reicht das?",
        "Wenn wir den Stand teilen, ja.",
        "Dann frage ich die Kollegen aus Triest.",
    ),
    ("Possiamo usare la foto della piazza?", "Sì, licenza pagata ({eur} €).", "Ottimo."),
)

FINANCE: Final[tuple[Dialogue, ...]] = (
    ("Invoice {batch} is overdue by {count} days.", "I called them, payment on {day}.", "Noted."),
    ("Spesenabrechnungen bitte bis {tag}, {time}.", "Geht auch Papier?", "Nein 😄 nur noch im Portal."),
    ("FX hedge for the {bean} contract: {eur} $ at 1.0{count}.", "Confirmed.", "Booked."),
)

PRIVATE: Final[tuple[Dialogue, ...]] = (
    ("Hast du kurz Zeit?", "Klar, in {count} Minuten?", "Super."),
    ("Can you have a look at {ticket} before {time}?", "Sure, reading it now.", "You're the best."),
    ("Are you coming to {city} on {day}?", "Train is booked 🚄", "See you there!"),
    ("هل لديك رقم المورد؟", "نعم، أرسلته على البريد.", "شكرا!"),
    ("Ehrlich gesagt: der neue {bean} ist nicht meins.", "Psst, nicht vor dem Einkauf 🤫", "😂"),
    ("תזכירי לי לדבר איתו מחר", "בטח"),
    ("happy birthday!! 🎂🥳", "thank youuu ❤️", "cake at {time} in the kitchen"),
)

LIVESTREAM: Final[tuple[Dialogue, ...]] = (
    ("Hello from {city} 👋", "hi!!", "Merhaba 👋"),
    ("What grinder is that?", "Looks like the new one", "sound is a bit low"),
    ("🔥🔥🔥", "wow that rosetta 😍", "how do you hold the pitcher?"),
    ("Does this work with oat milk?", "yes, barista edition", "oat milk gang 🌱"),
    ("¿Se puede ver la grabación después?", "Yes, recording is online tomorrow", "gracias!"),
)

ANNOUNCEMENTS: Final[Dialogue] = (
    "Dear all, the results of the quarter are in: revenue up {count}%. Thank you! Details in the town hall on {day}.",
    "We open in {city}! First day is {day}, doors at {time}. Come and celebrate ☕🎉",
    "Our {bean} scored {score} points at the competition. Congratulations to the roasting team 🏆",
    "New travel policy from next month on. Please read it: https://intranet.kaffeehaus.example/policies/travel",
    "Die Büros sind zwischen den Feiertagen geschlossen. Notdienst: {someone}.",
    "Security reminder: nobody from IT will ever ask for your password.",
)

QUIET_PROJECT: Final[tuple[Dialogue, ...]] = (
    ("Kick-off for the loyalty card on {day}, {time}.", "Agenda?", "Scope, budget ({eur} €), who does what."),
    ("Prototype is on the test tablet.", "The stamp animation is lovely 🥰", "Thanks, took {count} tries."),
    ("We stop here: the app does the same. Channel will be frozen as an archive.", "Was fun. Thanks all."),
)
