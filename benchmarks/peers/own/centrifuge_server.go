// A chat on Centrifuge, the library that Centrifugo is made of: a channel with history for each user, to which the
// server subscribes whoever connects, with recovery; clients publish to each other's. Engine and limits as they come.
// Run: centrifuge_server PORT. Built by hand: see servers/centrifuge.py.
package main

import (
	"context"
	"log"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/centrifugal/centrifuge"
)

const (
	historyMessagesMax = 100000
	historyAge         = 10 * time.Minute
)

func connecting(_ context.Context, event centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
	name, _, _ := strings.Cut(event.Token, ".") // the rest is the password, said and not checked
	return centrifuge.ConnectReply{
		Credentials:   &centrifuge.Credentials{UserID: name},
		Subscriptions: map[string]centrifuge.SubscribeOptions{"#" + name: {Recover: true}},
	}, nil
}

func connected(client *centrifuge.Client) {
	client.OnPublish(func(event centrifuge.PublishEvent, answer centrifuge.PublishCallback) {
		answer(centrifuge.PublishReply{Options: centrifuge.PublishOptions{
			HistorySize: historyMessagesMax,
			HistoryTTL:  historyAge,
			ClientInfo:  event.ClientInfo,
		}}, nil)
	})
}

func main() {
	node, err := centrifuge.New(centrifuge.DefaultConfig)
	if err != nil {
		log.Fatal(err)
	}
	node.OnConnecting(connecting)
	node.OnConnect(connected)
	if err := node.Run(); err != nil {
		log.Fatal(err)
	}
	http.Handle("/connection/websocket", centrifuge.NewWebsocketHandler(node, centrifuge.WebsocketConfig{}))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
